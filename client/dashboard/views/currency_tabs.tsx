/**
 * The choice of a currency, as tabs. Arrow keys, Home and End move between them. A single currency
 * has no tabs.
 */
import { useRef } from "preact/hooks";

export interface CurrencyTabsProps {
  readonly currencies: readonly string[];
  readonly selected: string;
  readonly onSelect: (currency: string) => void;
}

export function CurrencyTabs({ currencies, selected, onSelect }: CurrencyTabsProps) {
  const list = useRef<HTMLDivElement>(null);
  if (currencies.length < 2) return null;
  const move = (event: KeyboardEvent) => {
    const target = targetOf(event.key, currencies.indexOf(selected), currencies.length);
    const currency = currencies.at(target ?? -1);
    if (target === null || currency === undefined) return;
    event.preventDefault();
    onSelect(currency);
    list.current?.querySelectorAll("button")[target]?.focus();
  };
  return (
    <div ref={list} class="tabs" role="tablist" aria-label="Currency" onKeyDown={move}>
      {currencies.map((currency) => (
        <button
          key={currency}
          type="button"
          role="tab"
          id={`tab-${currency}`}
          aria-selected={currency === selected}
          aria-controls="currency-panel"
          tabIndex={currency === selected ? 0 : -1}
          onClick={() => onSelect(currency)}
        >
          {currency}
        </button>
      ))}
    </div>
  );
}

/** The index that a key leads to; null when the key does not move between tabs. */
function targetOf(key: string, index: number, count: number): number | null {
  switch (key) {
    case "ArrowRight":
      return (index + 1) % count;
    case "ArrowLeft":
      return (index - 1 + count) % count;
    case "Home":
      return 0;
    case "End":
      return count - 1;
    default:
      return null;
  }
}
