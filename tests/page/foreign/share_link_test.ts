/**
 * Links that hold a browser token, opened by somebody without a key, and the page in the frame of
 * another origin.
 */
import { assert, assertEquals } from "@std/assert";
import type { Page } from "playwright-core";
import { type Claims, nowSeconds, signedToken } from "../../support/access/tokens.ts";
import { openPage, withBrowser } from "../chromium.ts";
import { order } from "../scene.ts";
import { KEY, type TestService, withService } from "../service.ts";

/** A token for live figures. */
const aToken = (claims: Claims = {}) => signedToken(KEY, claims);
/** The claims of one that is refused from some seconds on. A minute is tolerated. */
const endingSoon = (): Claims => ({ iat: nowSeconds() - 100, exp: nowSeconds() - 52 });

async function placeBoth({ api }: TestService): Promise<void> {
  await api.orders.place.mutate(order("shop", "EUR", [["tea", 2, 450]]));
  await api.orders.place.mutate(order("kiosk", "EUR", [["jug", 1, 1_999]]));
}

/** The parts of the page for those who have a key. */
const partsOfKeys = (page: Page) => page.locator(".operators, form, .store").count();

Deno.test("a share link shows the figures of its store alone, and says so when it has expired", () =>
  withService((service) =>
    withBrowser(async (browser) => {
      await placeBoth(service);
      const token = await aToken({ storeId: "shop", ...endingSoon() });
      const { page, shows, text } = await openPage(browser, `${service.url}/#token=${token}`);
      await shows("today-revenue", "€9.00");
      await shows("fixed-store", "shop");
      await shows("live", "Live: orders show here as they are committed.");
      assertEquals(page.url(), `${service.url}/`, "the token is not in the address bar");
      assertEquals(await page.locator(".operators").count(), 0);
      await shows("sign-in-error", "The token has expired. Ask for a new link.");
      await page.reload();
      assertEquals(await text("sign-in-error"), "", "the token is forgotten");
    })
  ));

Deno.test("an embedded page shows figures and nothing to choose, and no form when it has expired", () =>
  withService((service) =>
    withBrowser(async (browser) => {
      await placeBoth(service);
      const token = await aToken({
        ...endingSoon(),
        procedures: ["dashboard.live", "ops.onStatus"],
      });
      const { page, shows } = await openPage(browser, `${service.url}/#token=${token}&embed`);
      await shows("today-revenue", "€28.99");
      await shows("wall-store", "all stores");
      assertEquals([page.url(), await partsOfKeys(page)], [`${service.url}/#embed`, 0]);
      await shows("no-figures", "The token has expired. Ask for a new link.");
      assertEquals(await partsOfKeys(page), 0);
      const bare = await openPage(browser, `${service.url}/#embed`);
      await bare.shows("no-figures", "The link of this frame has no token. Ask for a new link.");
      const wrong = await openPage(browser, `${service.url}/#token=${token}x&embed`);
      await wrong.shows(
        "no-figures",
        "The token is wrong, or its API key is revoked. Ask for a new link.",
      );
    })
  ));

Deno.test("a link that is not for live figures says what is missing", () =>
  withService((service) =>
    withBrowser(async (browser) => {
      const token = await aToken({ procedures: ["orders.list"], name: "a list" });
      const { text, page } = await openPage(browser, `${service.url}/#token=${token}`);
      const sentence = (await text("problem")).replaceAll(/[\u2068\u2069]/g, "");
      assertEquals(sentence, "The token “a list” shows no figures: it is not for dashboard.live.");
      assertEquals(await page.locator(".operators").count(), 0);
    })
  ));

/** Runs `test` with a page that has the dashboard in a frame. */
async function withFrame(
  isListed: boolean,
  test: (page: Page, errors: readonly string[], service: TestService) => Promise<void>,
): Promise<void> {
  let source = "about:blank";
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => undefined },
    () =>
      new Response(`<!DOCTYPE html><iframe src="${source}" width="900" height="900"></iframe>`, {
        headers: { "content-type": "text/html" },
      }),
  );
  const origin = `http://127.0.0.1:${server.addr.port}`;
  try {
    await withService(
      (service) =>
        withBrowser(async (browser) => {
          await placeBoth(service);
          source = `${service.url}/#token=${await aToken({ storeId: "kiosk" })}&embed`;
          const { page, errors } = await openPage(browser, `${origin}/`);
          await test(page, errors, service);
        }),
      undefined,
      isListed ? { WEIR_EMBED_ORIGINS: `https://shop.example,${origin}` } : {},
    );
  } finally {
    await server.shutdown();
  }
}

Deno.test("a page whose origin is listed has live figures in its frame", () =>
  withFrame(true, async (page, errors, { api }) => {
    const revenue = page.frameLocator("iframe").getByTestId("today-revenue");
    await revenue.getByText("€19.99").waitFor();
    await api.orders.place.mutate(order("kiosk", "EUR", [["jug", 1, 1_999]]));
    await revenue.getByText("€39.98").waitFor();
    assertEquals(errors, []);
  }));

Deno.test("a page whose origin is not listed has no dashboard in its frame", () =>
  withFrame(false, async (page, errors) => {
    await page.waitForFunction(() => document.querySelector("iframe") !== null);
    while (errors.length === 0) await page.waitForTimeout(50);
    assert(errors.some((error) => error.includes("frame-ancestors")), errors.join("\n"));
    assertEquals(await page.frameLocator("iframe").getByTestId("today-revenue").count(), 0);
  }));
