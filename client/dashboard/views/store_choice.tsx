/**
 * The choice of a store: an id, or nothing for all stores together. A key for several stores gives
 * the choice among them. A key for one store leaves no choice, so its store is named instead.
 * Tested in tests/page/dashboard_test.ts and tests/page/store_key_test.ts.
 */
import { useRef } from "preact/hooks";
import { type Access, storesOf } from "../data/access.ts";

export interface StoreChoiceProps {
  /** Null: all stores. */
  readonly storeId: string | null;
  /** Undefined: not known yet. Nothing can be chosen then. */
  readonly access: Access | undefined;
  readonly onChoose: (storeId: string | null) => void;
}

export function StoreChoice({ storeId, access, onChoose }: StoreChoiceProps) {
  const input = useRef<HTMLInputElement>(null);
  const submit = (event: Event) => {
    event.preventDefault();
    onChoose(input.current?.value.trim() || null);
  };
  const stores = storesOf(access ?? null);
  if (stores?.length === 1) {
    return (
      <p class="store">
        <span class="label">Store</span>
        <strong data-testid="fixed-store">{stores[0]}</strong>
        <small>the only one of this key</small>
      </p>
    );
  }
  if (stores !== null) {
    return (
      <form class="store">
        <label for="store">Store</label>
        <select
          id="store"
          value={storeId ?? ""}
          onChange={(event) => onChoose(event.currentTarget.value)}
          data-testid="store"
        >
          {stores.map((store) => <option key={store} value={store}>{store}</option>)}
        </select>
      </form>
    );
  }
  return (
    <form class="store" onSubmit={submit}>
      <label for="store">Store</label>
      <input
        id="store"
        ref={input}
        key={storeId}
        defaultValue={storeId ?? ""}
        placeholder="all stores"
        pattern="[a-z0-9][a-z0-9_\-]{0,63}"
        title="small letters, digits, _ and -; empty for all stores"
        autocomplete="off"
        autocapitalize="none"
        spellcheck={false}
        disabled={access === undefined}
        data-testid="store"
      />
      <button type="submit" disabled={access === undefined}>Show</button>
    </form>
  );
}
