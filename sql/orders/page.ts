/**
 * Pages of a list are bounded in bytes as well as in rows.
 *
 * The statement of a list walks along its index, one row a step, and adds up the bytes. It stops at
 * the bound of the page. So no row past a page is unpacked, sent, or kept here.
 *
 * Tested in tests/sql/orders/page_test.ts.
 */

/**
 * The most bytes of a page. 200 orders of five lines fit, and three of the largest orders. With four
 * times as much, six callers made the orders of others wait for a third of a second: the process
 * reads and writes a page in one go, and no order moves meanwhile.
 */
export const MAX_PAGE_BYTES = 262_144;

/** The bytes of an item beside its texts and its JSON: names of fields, ids and times. */
export const ITEM_BYTES = 640;

/** More than an order has as JSON: 200 lines, 16 entries of metadata, three bytes a character. */
export const MAX_ORDER_BYTES = 131_072;

/** A letter has an order and its correction. */
export const MAX_LETTER_BYTES = 2 * MAX_ORDER_BYTES;

/** A row of a walk, with the bytes of all rows up to it. */
interface Walked {
  readonly bytes: number;
}

/**
 * The rows that make the page, and whether there are more.
 * @param rows a walk: it may have one row more than the page, and ends past either bound.
 */
export function pageOf<Row extends Walked>(
  rows: readonly Row[],
  limit: number,
): { readonly page: readonly Row[]; readonly hasMore: boolean } {
  // The first row is always in the page, so that a reader comes past it.
  const page = rows.slice(0, limit)
    .filter(({ bytes }, index) => index === 0 || bytes <= MAX_PAGE_BYTES);
  const isPast = (rows.at(-1)?.bytes ?? 0) > MAX_PAGE_BYTES;
  return { page, hasMore: rows.length > page.length || isPast };
}
