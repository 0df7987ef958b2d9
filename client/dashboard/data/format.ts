/**
 * Figures as text: money, counts, ages and times, as the page shows them.
 *
 * Pure. Sums come as decimal strings that can pass 2^53, so no sum becomes a JavaScript number on
 * its way to the screen. Times are shown in UTC, because an order counts in a UTC minute and day.
 */

/**
 * Currencies whose minor unit is not a hundredth, by ISO 4217. `Intl` cannot be asked: for some
 * currencies it has the digits that people use in shops (IQD 0, where ISO 4217 says 3). The minor
 * unit of an order is the one of the standard.
 */
const MINOR_DIGITS: ReadonlyMap<string, number> = new Map(
  [
    ..."BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(" "),
    ..."XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XTS XUA XXX".split(" "),
  ].map((code): [string, number] => [code, 0]).concat(
    "BHD IQD JOD KWD LYD OMR TND".split(" ").map((code) => [code, 3]),
    "CLF UYW".split(" ").map((code) => [code, 4]),
  ),
);

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Shown where there is no figure. */
export const NONE = "–";

/** Digits after the decimal point of `currency`, by ISO 4217. */
export function minorDigitsOf(currency: string): number {
  return MINOR_DIGITS.get(currency) ?? 2;
}

/**
 * Money, exact at any size.
 * @param minor a decimal string of minor units, such as `"123450"`.
 * @param locales for tests; default: those of the browser.
 */
export function formatMoney(minor: string, currency: string, locales?: string): string {
  const digits = minorDigitsOf(currency);
  return money(minor, currency, locales, {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** Money in a few digits, for a place too small for all of them: `€4T`. */
export function formatMoneyShort(minor: string, currency: string, locales?: string): string {
  return money(minor, currency, locales, { notation: "compact", maximumFractionDigits: 2 });
}

/** A whole number: a count, or a decimal string of any length. */
export function formatCount(count: number | string, locales?: string): string {
  return kept(`${locales}`, () => new Intl.NumberFormat(locales)).format(BigInt(count));
}

/** A count in a few digits, for a place too small for all of them: `18T`. */
export function formatCountShort(count: number | string, locales?: string): string {
  return kept(
    `${locales} short`,
    () => new Intl.NumberFormat(locales, { notation: "compact", maximumFractionDigits: 2 }),
  ).format(BigInt(count));
}

/** A count with its noun: `1 order`, `1,234 orders`. The page's words are English. */
export function formatCounted(count: number | string, noun: string, locales?: string): string {
  return `${formatCount(count, locales)} ${noun}${BigInt(count) === 1n ? "" : "s"}`;
}

/** An age in its two largest units: `12 s`, `3 min 05 s`, `2 h 04 min`, `3 d 01 h`. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / SECOND_MS));
  if (ms < MINUTE_MS) return `${seconds} s`;
  const two = (count: number) => String(Math.floor(count)).padStart(2, "0");
  if (ms < HOUR_MS) return `${Math.floor(ms / MINUTE_MS)} min ${two(seconds % 60)} s`;
  if (ms < DAY_MS) return `${Math.floor(ms / HOUR_MS)} h ${two((ms % HOUR_MS) / MINUTE_MS)} min`;
  return `${Math.floor(ms / DAY_MS)} d ${two((ms % DAY_MS) / HOUR_MS)} h`;
}

/** A measured time, to two or three digits: `0.4 ms`, `12 ms`, `1.25 s`. */
export function formatDuration(ms: number | null): string {
  if (ms === null) return NONE;
  if (ms >= SECOND_MS) return `${Number((ms / SECOND_MS).toFixed(2))} s`;
  return `${Number(ms.toFixed(ms < 10 ? 1 : 0))} ms`;
}

/** A size in memory: `512 B`, `1.5 KiB`, `64 MiB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const amount = bytes / 1_024 ** power;
  return `${Number.isInteger(amount) ? amount : amount.toFixed(1)} ${units[power]}`;
}

/** The time of day of an ISO 8601 string: `14:03:59 UTC`. */
export function formatTime(iso: string | null): string {
  return iso === null ? NONE : `${new Date(iso).toISOString().slice(11, 19)} UTC`;
}

/** A moment as seen at `now`: the time alone if it is of the same UTC day, else with its date. */
export function formatMoment(iso: string | null, now: number): string {
  return iso === null || isSameDay(iso, now)
    ? formatTime(iso)
    : `${formatDay(iso)} ${formatTime(iso)}`;
}

/** The UTC day of an ISO 8601 string: `2026-03-01`. */
export function formatDay(iso: string): string {
  return new Date(iso).toISOString().slice(0, 10);
}

/** True when `now` is in the UTC day of an ISO 8601 string. */
export function isSameDay(iso: string, now: number): boolean {
  return formatDay(iso) === formatDay(new Date(now).toISOString());
}

/** The minute of an ISO 8601 string: `14:03`. */
export function formatMinute(iso: string): string {
  return new Date(iso).toISOString().slice(11, 16);
}

/** Formats that were made. Making one costs far more than using it, and a page uses a handful. */
const formats = new Map<string, Intl.NumberFormat>();

function money(
  minor: string,
  currency: string,
  locales: string | undefined,
  options: Intl.NumberFormatOptions,
): string {
  const amount = toMajorUnits(minor, minorDigitsOf(currency));
  // `Intl` throws for a code that is not three letters. The code is then shown as it is.
  const isCode = /^[A-Za-z]{3}$/.test(currency);
  const format = kept(
    `${locales} ${currency} ${options.notation}`,
    () =>
      new Intl.NumberFormat(
        locales,
        isCode ? { style: "currency", currency, ...options } : options,
      ),
  );
  return isCode ? format.format(amount) : `${currency}\u00a0${format.format(amount)}`;
}

function kept(key: string, make: () => Intl.NumberFormat): Intl.NumberFormat {
  let format = formats.get(key);
  if (format === undefined) formats.set(key, format = make());
  return format;
}

function toMajorUnits(minor: string, digits: number): Intl.StringNumericLiteral {
  const value = BigInt(minor);
  const sign = value < 0n ? "-" : "";
  const all = (value < 0n ? -value : value).toString().padStart(digits + 1, "0");
  const point = all.length - digits;
  return `${sign}${all.slice(0, point)}.${all.slice(point)}` as Intl.StringNumericLiteral;
}
