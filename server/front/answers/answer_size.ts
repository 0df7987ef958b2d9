/**
 * The size of an answer, without writing it.
 */

/** Commas, colons and quotes of a field, and of a number. */
const FIELD_BYTES = 4;
const NUMBER_BYTES = 16;
/** A UTF-16 unit has at most three bytes in UTF-8. */
const UNIT_BYTES = 3;
/** Each of these characters takes one byte. */
const ASCII = /^[ -~]*$/;

/**
 * The bytes of `value` as JSON, within a few percent for what Weir answers: few of its texts have
 * characters that JSON escapes.
 */
export function sizeOf(value: unknown): number {
  switch (typeof value) {
    case "string":
      return FIELD_BYTES + (ASCII.test(value) ? value.length : UNIT_BYTES * value.length);
    case "number":
      return NUMBER_BYTES;
    case "object": {
      if (value === null) return FIELD_BYTES;
      if (Array.isArray(value)) {
        return value.reduce((sum: number, one) => sum + sizeOf(one), FIELD_BYTES);
      }
      let bytes = FIELD_BYTES;
      for (const [name, one] of Object.entries(value)) {
        bytes += name.length + FIELD_BYTES + sizeOf(one);
      }
      return bytes;
    }
    default:
      return FIELD_BYTES;
  }
}
