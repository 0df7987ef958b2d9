/**
 * The choice of a currency, as tabs. Arrow keys, Home and End move between them. A single currency
 * has no tabs. More than a row of tabs are a list to choose from.
 * Tested in tests/page/dashboard_test.ts and tests/page/currencies_test.ts.
 */
import { useRef } from "preact/hooks";

export interface CurrencyChoiceProps {
  readonly currencies: readonly string[];
  readonly selected: string;
  readonly onSelect: (currency: string) => void;
}

const MOST_TABS = 8;

/** True when so many currencies are chosen by tabs. */
export function hasTabs(count: number): boolean {
  return count > 1 && count <= MOST_TABS;
}

export function CurrencyChoice({ currencies, selected, onSelect }: CurrencyChoiceProps) {
  const list = useRef<HTMLDivElement>(null);
  if (currencies.length < 2) return null;
  if (!hasTabs(currencies.length)) {
    return <CurrencyList currencies={currencies} selected={selected} onSelect={onSelect} />;
  }
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

function CurrencyList({ currencies, selected, onSelect }: CurrencyChoiceProps) {
  return (
    <p class="choice">
      <label for="currency">Currency</label>
      <select
        id="currency"
        value={selected}
        onChange={({ currentTarget }) => onSelect(currentTarget.value)}
      >
        {currencies.toSorted().map((currency) => <option key={currency}>{currency}</option>)}
      </select>
    </p>
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
