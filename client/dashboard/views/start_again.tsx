/**
 * The last resort: a mistake of the page itself ends in a sentence and a new start, and not in a
 * screen that stands still with old figures.
 * Tested in tests/page/wall_test.ts.
 */
import { Component, type ComponentChildren } from "preact";

const START_AGAIN_MS = 60_000;

interface StartAgainProps {
  readonly children: ComponentChildren;
}

export class StartAgain extends Component<StartAgainProps, { readonly failure: string | null }> {
  override state = { failure: null };

  override componentDidCatch(error: unknown): void {
    this.setState({ failure: error instanceof Error ? error.message : String(error) });
    setTimeout(() => location.reload(), START_AGAIN_MS);
  }

  override render() {
    if (this.state.failure === null) return this.props.children;
    return (
      <main>
        <p class="panel empty" role="alert" data-testid="page-failure">
          This page has failed ({this.state.failure}). It starts again within a minute.
        </p>
      </main>
    );
  }
}
