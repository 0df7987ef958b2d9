/**
 * "Today" is the UTC day. In a test that ran over midnight, the figures of today would begin again
 * at zero.
 */
const DAY_MS = 86_400_000;
/** No test of figures takes longer. */
const TEST_MS = 90_000;

/** Waits for the new day when the old one has too little time left for a test. */
export async function awayFromMidnight(): Promise<void> {
  const leftMs = DAY_MS - Date.now() % DAY_MS;
  if (leftMs < TEST_MS) await new Promise((resolve) => setTimeout(resolve, leftMs + 1_000));
}
