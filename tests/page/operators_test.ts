/** The operators' part of the page. When it is folded away, it still says what to look at. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { openPage } from "./chromium.ts";
import { startForwarder } from "./forwarder.ts";
import { inBrowser, order, placeAll } from "./scene.ts";

const tea = () => order("shop", "EUR", [["tea", 2, 450]]);

Deno.test("the operators' part folds away by keyboard, and stays so in this browser", () =>
  inBrowser(async (browser, service) => {
    const context = await browser.newContext({ locale: "en-US" });
    const first = await openPage(browser, service.link(), { context });
    await first.shows("circuit", "closed");
    assert(await first.page.getByTestId("circuit").isVisible());
    await first.page.locator("summary").press("Enter");
    await first.page.getByTestId("circuit").waitFor({ state: "hidden" });
    const second = await openPage(browser, service.link(), { context });
    await second.shows("worries", "all is well");
    assert(!await second.page.getByTestId("circuit").isVisible());
    await second.page.locator("summary").click();
    await second.page.getByTestId("circuit").waitFor();
    const wall = await openPage(browser, service.link("&wall"), { context });
    await wall.shows("worries", "all is well");
    assert(!await wall.page.getByTestId("circuit").isVisible());
    await context.close();
  }));

Deno.test("the last error has its time and an age that goes on, and the folded part names the circuit", async () => {
  const forwarder = startForwarder();
  await inBrowser(async (browser, service) => {
    await placeAll(service, [tea()]);
    const { page, shows, text } = await openPage(browser, service.link());
    await shows("last-error", "–");
    await page.locator("summary").click();
    forwarder.cut();
    const placing = setInterval(() => void service.api.orders.place.mutate(tea()).catch(() => {}));
    await page.getByTestId("circuit").getByText("open").waitFor({ state: "attached" });
    clearInterval(placing);
    assertMatch(await text("worries"), /circuit: (half )?open/);
    await page.locator("summary").click();
    assertMatch(await text("last-error"), /^[A-Z_0-9]+[\d:]{8} UTC \(\d+ s ago\)$/);
    const before = await text("last-error");
    await page.waitForFunction(
      (before) => document.querySelector('[data-testid="last-error"]')?.textContent !== before,
      before,
    );
    forwarder.mend();
    await shows("circuit", "closed");
    assertMatch(await text("last-error"), /ago\)$/);
  }, forwarder.through);
  await forwarder.close();
});

Deno.test("a state that the page does not know is shown as the instance says it", () =>
  inBrowser(async (browser, service) => {
    await placeAll(service, [tea()]);
    const { shows, errors } = await openPage(browser, service.link(), {
      prepare: (page) =>
        page.routeWebSocket(/trpc/, (socket) => {
          const server = socket.connectToServer();
          server.onMessage((message) =>
            socket.send(String(message).replace('"state":"redis"', '"state":"by_pigeon"'))
          );
        }),
    });
    await shows("bus", "by pigeon");
    await shows("worries", "bus: by pigeon");
    assertEquals(errors, []);
  }));
