/**
 * The entry of the page: it joins session, data and clock, and shows them.
 *
 * The page is drawn with the screen's refresh, so a burst of frames costs one drawing. A hidden
 * page draws nothing until somebody looks at it again.
 * Tested in tests/page/dashboard_test.ts.
 */
import { computed, effect, signal, untracked } from "@preact/signals";
import { options, render } from "preact";
import { App } from "./views/app.tsx";
import { startClock } from "./data/clock.ts";
import { type Connection, type Dashboard, openDashboard } from "./data/dashboard.ts";
import { followPageVersion } from "./data/page_version.ts";
import { startSession } from "./data/session.ts";
import { StartAgain } from "./views/start_again.tsx";

options.debounceRendering = requestAnimationFrame;

/** The page stands beside `/trpc`, also behind a proxy that serves both below a path. */
const HERE = new URL("./", location.origin + location.pathname).href;

const session = startSession();
const dashboard = signal<Dashboard | null>(null);
const token = computed(() => session.state.value.token);
const storeId = computed(() => session.state.value.storeId);
const isWall = computed(() => session.state.value.isWall);

effect(() => {
  const key = token.value;
  const store = storeId.value;
  const opened = key === null ? null : untracked(() =>
    openDashboard({
      url: HERE,
      token: key,
      storeId: store,
      onOtherStore: session.showStore,
      onAccepted: () => session.accept(key),
      onUnauthenticated: ({ sentence }) => session.refuse(key, sentence),
    })
  );
  dashboard.value = opened;
  return () => opened?.close();
});

effect(() => {
  document.documentElement.toggleAttribute("data-wall", isWall.value);
});

const isOutdated = followPageVersion({
  connection: computed((): Connection => dashboard.value?.connection.value ?? "connecting"),
  mayReload: () => (isWall.peek() || document.hidden) && session.outlivesReload(),
});

render(
  <StartAgain>
    <App session={session} dashboard={dashboard} now={startClock()} isOutdated={isOutdated} />
  </StartAgain>,
  document.body,
);
