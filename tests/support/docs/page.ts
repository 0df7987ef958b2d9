/**
 * A page of the documents in Markdown: its tables, its links, and the names of files and tasks in
 * it.
 */

/** A table without its head; cells are trimmed. */
export type Rows = readonly (readonly string[])[];

/** Code in backticks that is nothing but the name of a file or a folder. */
const FILE_NAME = /^[\w./-]+\.(ts|tsx|sql|css|html|json|yaml|md)$|^[\w.-]+(\/[\w.-]+)*\/$/;
const PATH = /(?<![\w./])(?:client|server|actors|sql|tests|docs|examples)\/[\w./-]*\w\/?/g;
const TASK = /\bdeno(?:@[\d.]+)? task (?:-q )?([a-z][a-z:]*[a-z])/g;
const LINK = /\]\(([^)\s]+)\)/g;

/** README.md and the pages of docs/, by path. */
export function readPages(root: URL): Map<string, Page> {
  const docs = [...Deno.readDirSync(new URL("docs/", root))].map(({ name }) => `docs/${name}`);
  const paths = ["README.md", ...docs.filter((path) => path.endsWith(".md")).sort()];
  return new Map(
    paths.map((path) => [path, new Page(path, Deno.readTextFileSync(new URL(path, root)))]),
  );
}

export class Page {
  constructor(readonly path: string, readonly text: string) {}

  get lines(): number {
    return this.text.replace(/\n$/, "").split("\n").length;
  }

  /** The rows of the table whose first heads are `heads`. @throws Error when there is none */
  table(...heads: readonly string[]): Rows {
    const lines = this.text.split("\n");
    const start = lines.findIndex((line) =>
      cellsOf(line).slice(0, heads.length).join() === heads.join()
    );
    if (start === -1) {
      throw new Error(`${this.path} has no table with the heads ${heads.join(", ")}`);
    }
    const rest = lines.slice(start + 2);
    const end = rest.findIndex((line) => !line.startsWith("|"));
    return rest.slice(0, end === -1 ? undefined : end).map(cellsOf);
  }

  /** The targets of links that are not on the internet, as they are written. */
  get links(): string[] {
    return all(this.text, LINK).filter((target) => !/^[a-z]+:/.test(target));
  }

  /** The names of files and folders in backticks, and whole paths anywhere. */
  get files(): string[] {
    const inBackticks = all(this.text, /`([^`\n]+)`/g).filter((code) => FILE_NAME.test(code));
    return [...new Set([...inBackticks, ...all(this.text, PATH)])];
  }

  /** The tasks in commands such as `deno task check`. */
  get tasks(): string[] {
    return [...new Set(all(this.text, TASK))];
  }

  /** The anchors of its headings. */
  get anchors(): string[] {
    return all(this.text, /^#+ (.+)$/gm).map((heading) =>
      heading.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-")
    );
  }
}

/** `a` of a cell that is "`a`"; undefined for any other cell. */
export function codeIn(cell: string | undefined): string | undefined {
  return /^`([^`]*)`$/.exec(cell ?? "")?.[1];
}

function cellsOf(line: string): string[] {
  return line.startsWith("|") ? line.slice(1, -1).split("|").map((cell) => cell.trim()) : [];
}

/** The first group of every match, or the whole match. */
function all(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map((match) => match[1] ?? match[0]);
}
