/**
 * The known name that an unknown one was probably meant to be: another case or `snake_case`, a part
 * of the name, or a slip of a letter or two.
 */

/** Names of fields are shorter than this. A long text is no slip, and would take long to compare. */
const MAX_LENGTH = 40;
const MIN_PART = 3;

/** The nearest of `known`; undefined when none is near. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  if (name.length > MAX_LENGTH) return undefined;
  const wanted = bare(name);
  const same = known.find((one) => bare(one) === wanted);
  if (same !== undefined) return same;
  const allowed = Math.floor((wanted.length + 1) / 3);
  let [found, fewest] = [undefined as string | undefined, allowed + 1];
  for (const one of known) {
    const changes = changesBetween(wanted, bare(one));
    if (changes < fewest) [found, fewest] = [one, changes];
  }
  if (found !== undefined || wanted.length < MIN_PART) return found;
  const parts = known.filter((one) => bare(one).includes(wanted) || wanted.includes(bare(one)));
  return parts.length === 1 ? parts[0] : undefined;
}

function bare(name: string): string {
  return name.toLowerCase().replaceAll(/[_\-\s.]/g, "");
}

/** Letters to insert, remove or replace (Levenshtein), with two swapped letters counted as one. */
function changesBetween(a: string, b: string): number {
  let [before, row] = [[] as number[], Array.from({ length: b.length + 1 }, (_, at) => at)];
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      const least = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + same);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      next.push(isSwap ? Math.min(least, before[j - 2]! + 1) : least);
    }
    [before, row] = [row, next];
  }
  return row[b.length]!;
}
