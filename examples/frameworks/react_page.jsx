/**
 * Live figures in React: the client's live figures are a store as `useSyncExternalStore` wants it.
 *
 * The page is opened with `#url=…&key=…` behind its address. Its element `app` is filled.
 */
import { StrictMode, useSyncExternalStore } from "react";
import { createRoot } from "react-dom/client";
import { createWeirClient } from "weir-client";

const link = new URLSearchParams(location.hash.slice(1));
const weir = createWeirClient({ url: link.get("url"), token: link.get("key") });

function Figures({ storeId }) {
  const live = weir.live({ storeId }); // the same object for the same store
  const { status, snapshot, error } = useSyncExternalStore(live.subscribe, live.getState);
  return (
    <>
      <p role="status">{error?.message ?? status}</p>
      <ul>
        {snapshot?.currencies.map(({ currency, today }) => (
          <li key={currency}>{currency}: {today.orders} orders</li>
        ))}
      </ul>
    </>
  );
}

const root = createRoot(document.getElementById("app"));
root.render(<StrictMode>{<Figures storeId={link.get("store") ?? undefined} />}</StrictMode>);
