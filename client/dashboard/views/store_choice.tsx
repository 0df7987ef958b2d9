/**
 * The choice of a store: an id, or nothing for all stores together.
 */
import { useRef } from "preact/hooks";

export interface StoreChoiceProps {
  /** Null: all stores. */
  readonly storeId: string | null;
  readonly onChoose: (storeId: string | null) => void;
}

export function StoreChoice({ storeId, onChoose }: StoreChoiceProps) {
  const input = useRef<HTMLInputElement>(null);
  const submit = (event: Event) => {
    event.preventDefault();
    onChoose(input.current?.value.trim() || null);
  };
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
        data-testid="store"
      />
      <button type="submit">Show</button>
    </form>
  );
}
