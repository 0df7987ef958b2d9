/**
 * Measures of a page as a browser has drawn it: figures that leave their place, and content that
 * leaves the screen. Each is an empty list or 0 when all is well.
 */
import type { Page } from "playwright-core";

/**
 * Figures and heads of columns that are wider than their place, and figures that stand on more than
 * one line or are too small to see. An exact figure may be small where its short form is shown.
 */
export function misfits(page: Page): Promise<string[]> {
  return page.evaluate(() => [
    ...[...document.querySelectorAll("thead th")].filter((name) =>
      name.scrollWidth > name.clientWidth + 1
    ).map((name) => `${name.textContent}: ${name.scrollWidth} in ${name.clientWidth} px`),
    ...[...document.querySelectorAll(".fit")].flatMap((place) => {
      const line = place.querySelector(":scope > .fit-exact");
      if (line === null) return ["a figure without text"];
      const [outer, inner] = [place.getBoundingClientRect(), line.getBoundingClientRect()];
      const letters = parseFloat(getComputedStyle(line).fontSize);
      const range = document.createRange();
      range.selectNodeContents(line);
      const lines = new Set([...range.getClientRects()].map(({ top }) => Math.round(top))).size;
      const isWide = inner.left < outer.left - 0.5 || inner.right > outer.right + 0.5 ||
        place.scrollWidth > place.clientWidth;
      const isSmall = letters < 6 && getComputedStyle(line).opacity !== "0";
      if (!isWide && lines === 1 && !isSmall) return [];
      return [
        `${line.textContent}: ${inner.width} in ${outer.width} px, ${lines} lines, ${letters} px`,
      ];
    }),
  ]);
}

/** Elements below `selector` whose text leaves the panel that they stand in, or the screen. */
export function lost(page: Page, selector = "main"): Promise<string[]> {
  return page.evaluate((selector) => {
    const seen = (element: Element) => element.checkVisibility({ visibilityProperty: true });
    const texts = [...document.querySelectorAll(`${selector} :is(dt, dd, th, td, h2, p, caption)`)]
      .filter((element) =>
        seen(element) && element.textContent !== "" && element.closest(".hidden, details") === null
      );
    return texts.flatMap((element) => {
      const inner = element.getBoundingClientRect();
      const panel = element.closest(".panel")?.getBoundingClientRect();
      const right = Math.min(panel?.right ?? innerWidth, innerWidth) + 0.5;
      const bottom = Math.min(panel?.bottom ?? innerHeight, innerHeight) + 0.5;
      if (inner.right <= right && inner.bottom <= bottom) return [];
      return [
        `${element.tagName} ${element.textContent}: ends at ${inner.right}, ${inner.bottom}; ` +
        `room to ${right}, ${bottom}`,
      ];
    });
  }, selector);
}

/** Pixels that the page is wider and higher than the screen. */
export function beyond(page: Page): Promise<{ x: number; y: number }> {
  return page.evaluate(() => {
    const { scrollWidth, clientWidth, scrollHeight, clientHeight } = document.documentElement;
    return { x: scrollWidth - clientWidth, y: Math.max(0, scrollHeight - clientHeight) };
  });
}

/** The size of the letters of an element, in pixels. */
export function lettersOf(page: Page, testId: string): Promise<number> {
  return page.getByTestId(testId).first().evaluate((element) =>
    parseFloat(getComputedStyle(element).fontSize)
  );
}

/** One line, `screen: text`, for each text that was found on a screen. */
export function failing(found: Readonly<Record<string, readonly string[]>>): string[] {
  return Object.entries(found).flatMap(([screen, all]) => all.map((one) => `${screen}: ${one}`));
}
