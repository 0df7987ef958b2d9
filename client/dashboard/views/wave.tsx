/**
 * The mark: a weir in profile, with the water that comes in and the water that flows on.
 */

export function Wave() {
  return (
    <svg class="wave" viewBox="0 0 32 32" aria-hidden="true">
      <path d="M2 11c4 0 4 3 8 3s4-3 8-3 4 3 8 3 4-3 4-3" />
      <path d="M2 20c4 0 4 3 8 3s4-3 8-3 4 3 8 3 4-3 4-3" />
    </svg>
  );
}
