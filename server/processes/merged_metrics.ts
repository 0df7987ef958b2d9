/**
 * The metrics of several processes as one text, in Prometheus' text format 0.0.4. Each figure gets the
 * label `process`, and each family keeps its one HELP and TYPE line.
 *
 * Tested in tests/server/processes/merged_metrics_test.ts.
 */

/** The content type of that format. */
export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

interface Family {
  /** HELP and TYPE, of the first process that has them. */
  readonly head: string[];
  readonly samples: string[];
}

/** @param texts the metrics of each process, by its number */
export function mergedMetrics(texts: ReadonlyMap<string, string>): string {
  const families = new Map<string, Family>();
  for (const [process, text] of texts) {
    let family: Family | null = null;
    for (const line of text.split("\n")) {
      const [, kind, name = ""] = /^# (HELP|TYPE) (\S+)/.exec(line) ?? [];
      if (kind !== undefined) {
        family = familyOf(families, name);
        if (!family.head.some((known) => known.startsWith(`# ${kind} `))) family.head.push(line);
      } else if (line !== "" && !line.startsWith("#")) {
        family ??= familyOf(families, "");
        family.samples.push(labelled(line, process));
      }
    }
  }
  const blocks = Array.from(families.values(), ({ head, samples }) => [...head, ...samples]);
  return `${blocks.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

function familyOf(families: Map<string, Family>, name: string): Family {
  const known = families.get(name) ?? { head: [], samples: [] };
  families.set(name, known);
  return known;
}

/** A sample with the label `process` before its other labels. */
function labelled(sample: string, process: string): string {
  const [, name = "", brace = ""] = /^([^\s{]+)(\{?)/.exec(sample) ?? [];
  const rest = sample.slice(name.length + brace.length);
  const label = `process="${process}"`;
  if (brace === "") return `${name}{${label}}${rest}`;
  return rest.startsWith("}") ? `${name}{${label}${rest}` : `${name}{${label},${rest}`;
}
