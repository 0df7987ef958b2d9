/**
 * The page: the store and the connection at the top, then the freshness of the figures, the
 * figures, and the operators' part. Without a key the page is the form that asks for one.
 *
 * A wall has no choices at the top: nobody stands there. A page in a frame has none either, and no
 * operators' part.
 * Tested in tests/page/dashboard_test.ts and tests/page/wall_test.ts.
 */
import type { ReadonlySignal } from "@preact/signals";
import { mayFollow } from "../data/access.ts";
import type { Dashboard } from "../data/dashboard.ts";
import { Figures } from "./figures/figures.tsx";
import { Freshness } from "./freshness.tsx";
import { Operators } from "./operators.tsx";
import { type Session, writeFragment } from "../data/session.ts";
import { NoFigures } from "./no_figures.tsx";
import { SignIn } from "./sign_in.tsx";
import { StoreChoice } from "./store_choice.tsx";
import { Wave } from "./wave.tsx";

export interface AppProps {
  readonly session: Session;
  /** Null: nobody has signed in. */
  readonly dashboard: ReadonlySignal<Dashboard | null>;
  readonly now: ReadonlySignal<number>;
  /** True when the server has a newer page than this one. */
  readonly isOutdated: ReadonlySignal<boolean>;
}

export function App({ session, dashboard, now, isOutdated }: AppProps) {
  const opened = dashboard.value;
  const { isWall, isEmbedded, refusal } = session.state.value;
  if (opened === null) {
    return isEmbedded ? <NoFigures why={refusal} /> : <SignIn session={session} />;
  }
  const access = opened.access.value;
  const isLive = opened.isCurrent.value && opened.shown.value?.silence === null;
  return (
    <>
      <header class="top">
        <h1>
          <Wave /> Weir
        </h1>
        {isWall || isEmbedded ? <NamedStore dashboard={opened} /> : (
          <StoreChoice
            key={opened.serial}
            storeId={opened.storeId.value}
            access={access}
            onChoose={session.showStore}
          />
        )}
        <ConnectionState connection={opened.connection} />
        {!isWall && !isEmbedded && <Ways session={session} isOutdated={isOutdated} />}
      </header>
      <RefusedKey session={session} />
      <main key={`${opened.serial} ${isWall}`} data-live={isLive}>
        <Freshness dashboard={opened} now={now} />
        <Figures dashboard={opened} now={now} isWall={isWall} />
        {!isEmbedded && access !== undefined && mayFollow(access, "ops.onStatus") && (
          <Operators dashboard={opened} now={now} isWall={isWall} />
        )}
      </main>
    </>
  );
}

/** The key of a link was refused, and the page goes on with the key before it. */
function RefusedKey({ session }: Pick<AppProps, "session">) {
  const { refusal } = session.state.value;
  if (refusal === null) return null;
  return (
    <p class="refused-key" role="alert" data-testid="refused-key">
      {refusal} This page goes on with the key that it had before.{" "}
      <button type="button" class="plain" onClick={session.dismissRefusal}>Close</button>
    </p>
  );
}

/** The ways out of this page. */
function Ways({ session, isOutdated }: Pick<AppProps, "session" | "isOutdated">) {
  const { storeId } = session.state.value;
  return (
    <>
      {isOutdated.value && (
        <button
          type="button"
          data-testid="outdated"
          onClick={() => location.reload()}
        >
          Load the new version
        </button>
      )}
      <a href={writeFragment({ storeId, isWall: true, isEmbedded: false })}>Wall</a>
      <button type="button" class="plain" onClick={() => session.signOut()}>
        Forget key
      </button>
    </>
  );
}

function NamedStore({ dashboard: { storeId } }: { readonly dashboard: Dashboard }) {
  return <p class="wall-store" data-testid="wall-store">{storeId.value ?? "all stores"}</p>;
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
