/** The addresses that a client calls, from the address that it is given. */
import { assertEquals, assertThrows } from "@std/assert";
import { endpointOf } from "../../../client/api/endpoint.ts";

Deno.test("an address keeps its path, for calls and for subscriptions", () => {
  const shop = {
    http: "https://shop.example/weir/trpc",
    webSocket: "wss://shop.example/weir/trpc",
  };
  const ways = [
    "https://shop.example/weir",
    "https://shop.example/weir/",
    "https://shop.example/weir//",
    "https://shop.example/weir/trpc",
    "https://shop.example/weir/trpc/",
    "wss://shop.example/weir",
    "HTTPS://Shop.Example:443/weir/",
    " https://shop.example/weir/\n",
  ];
  for (const url of ways) assertEquals(endpointOf(url), shop, url);
  const local = { http: "http://127.0.0.1:8080/trpc", webSocket: "ws://127.0.0.1:8080/trpc" };
  for (
    const url of ["http://127.0.0.1:8080", "http://127.0.0.1:8080/trpc/", "ws://127.0.0.1:8080/"]
  ) {
    assertEquals(endpointOf(url), local, url);
  }
  assertEquals(endpointOf("http://[::1]:8080/a/b/").http, "http://[::1]:8080/a/b/trpc");
});

Deno.test("an address that no instance has is refused in words, which show no secret of it", () => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ["", /must begin with http/],
    ["localhost:8080", /must begin with http/],
    ["127.0.0.1:8080", /must begin with http/],
    ["/weir", /must begin with http/],
    ["ftp://shop.example", /must begin with http/],
    ["https://shop.example/?key=secret", /a query/],
    ["https://shop.example/#token=secret", /a fragment/],
    ["https://me:secret@shop.example/", /the key is the token/],
  ];
  for (const [url, words] of wrong) {
    const { message } = assertThrows(() => endpointOf(url), TypeError);
    assertEquals([words.test(message), message.includes("secret")], [true, false], message);
  }
});
