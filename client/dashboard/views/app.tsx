/**
 * The page: the store and the connection at the top, then the freshness of the figures, the
 * figures, and the actors. Without a key the page is the form that asks for one.
 */
import type { ReadonlySignal } from "@preact/signals";
import { Actors } from "./actors.tsx";
import type { Dashboard } from "../data/dashboard.ts";
import { Figures } from "./figures.tsx";
import { Freshness } from "./freshness.tsx";
import type { Session } from "../data/session.ts";
import { SignIn } from "./sign_in.tsx";
import { StoreChoice } from "./store_choice.tsx";
import { Wave } from "./wave.tsx";

export interface AppProps {
  readonly session: Session;
  /** Null: nobody has signed in. */
  readonly dashboard: ReadonlySignal<Dashboard | null>;
  readonly now: ReadonlySignal<number>;
}

export function App({ session, dashboard, now }: AppProps) {
  const opened = dashboard.value;
  if (opened === null) return <SignIn session={session} />;
  return (
    <>
      <header class="top">
        <h1>
          <Wave /> Weir
        </h1>
        <StoreChoice storeId={opened.storeId} onChoose={session.showStore} />
        <ConnectionState connection={opened.connection} />
        <button type="button" class="plain" onClick={() => session.signOut()}>
          Forget key
        </button>
      </header>
      <main key={opened.storeId ?? "*"}>
        <Freshness dashboard={opened} now={now} />
        <Figures dashboard={opened} />
        <Actors dashboard={opened} />
      </main>
    </>
  );
}

const CONNECTION_TONES = { connecting: "quiet", connected: "good", reconnecting: "bad" } as const;

function ConnectionState({ connection }: { connection: Dashboard["connection"] }) {
  const state = connection.value;
  return (
    <p class="tone" data-tone={CONNECTION_TONES[state]} data-testid="connection">
      {state === "connected" ? state : `${state}…`}
    </p>
  );
}
