/**
 * The place of the figures in a frame whose link has no token, or one that is not in force any more.
 * There is no form: whoever looks at the frame has no key.
 * Tested in tests/page/foreign/share_link_test.ts.
 */
import { Wave } from "./wave.tsx";

export function NoFigures({ why }: { readonly why: string | null }) {
  return (
    <main class="sign-in">
      <h1>
        <Wave /> Weir
      </h1>
      <p class="panel" role="alert" data-testid="no-figures">
        {why ?? "The link of this frame has no token. Ask for a new link."}
      </p>
    </main>
  );
}
