/**
 * Live figures in Vue: a state that is replaced whole needs a `shallowRef` and no more.
 *
 * The page is opened with `#url=…&key=…` behind its address. Its element `app` is filled.
 */
import { createApp, h, onScopeDispose, shallowRef } from "vue";
import { createWeirClient } from "weir-client";

const link = new URLSearchParams(location.hash.slice(1));
const weir = createWeirClient({ url: link.get("url"), token: link.get("key") });

/** The state of live figures, as long as the component lives. */
function useLive(storeId) {
  const live = weir.live({ storeId });
  const state = shallowRef(live.getState());
  onScopeDispose(live.subscribe((next) => state.value = next));
  return state;
}

const Figures = {
  props: { storeId: String },
  setup: ({ storeId }) => {
    const live = useLive(storeId);
    return () => {
      const { status, snapshot, error } = live.value;
      const rows = snapshot?.currencies.map(({ currency, today }) =>
        h("li", { key: currency }, `${currency}: ${today.orders} orders`)
      );
      return [h("p", { role: "status" }, error?.message ?? status), h("ul", rows)];
    };
  },
};

createApp(Figures, { storeId: link.get("store") ?? undefined }).mount("#app");
