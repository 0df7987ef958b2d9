/**
 * The form that asks for an API key, when the page's link had no key or a wrong one.
 * Tested in tests/page/dashboard_test.ts.
 */
import { useRef } from "preact/hooks";
import type { Session } from "../data/session.ts";
import { Wave } from "./wave.tsx";

export function SignIn({ session }: { session: Session }) {
  const input = useRef<HTMLInputElement>(null);
  const { refusal, isWall } = session.state.value;
  const submit = (event: Event) => {
    event.preventDefault();
    const token = input.current?.value.trim() ?? "";
    if (token !== "") session.signIn(token);
  };
  return (
    <main class="sign-in">
      <h1>
        <Wave /> Weir
      </h1>
      <form class="panel" onSubmit={submit}>
        <label for="token">API key</label>
        <input
          id="token"
          ref={input}
          type="password"
          required
          autocomplete="off"
          autofocus
          aria-describedby="token-hint token-error"
          aria-invalid={refusal !== null}
          data-testid="token"
        />
        <p id="token-error" class="error" role="alert" data-testid="sign-in-error">{refusal}</p>
        <button type="submit">Show the dashboard</button>
        <p id="token-hint" class="hint">
          <code>deno task demo</code> and <code>start</code> print a link that holds a key;{" "}
          <code>deno task keys create</code> makes one. The key is kept in this{" "}
          {isWall ? "browser, for the wall" : "tab alone"}.
        </p>
      </form>
    </main>
  );
}
