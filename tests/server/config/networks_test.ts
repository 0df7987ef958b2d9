import { assertEquals } from "@std/assert";
import { inNetworks, isNetwork } from "../../../server/config/networks.ts";

Deno.test("an address is in a network, or is none of those named", () => {
  const isInside = inNetworks(["10.1.0.0/16", "192.168.0.7", "fd00::/8"]);
  const inside = ["10.1.2.3", "::ffff:10.1.2.3", "192.168.0.7", "fd12:3456::1"];
  assertEquals(inside.filter((address) => !isInside(address)), []);
  const others = ["10.2.0.1", "192.168.0.8", "::1", "127.0.0.1", "", "unknown", "fe80::1"];
  assertEquals(others.filter(isInside), []);
  assertEquals(inNetworks([])("127.0.0.1"), false);
});

Deno.test("a text is an address, a network, or neither", () => {
  assertEquals(["10.0.0.0/8", "::/0", "::1", "1.2.3.4/32"].filter((text) => !isNetwork(text)), []);
  const neither = ["a.example", "10.0.0.0/33", "10.0.0.0/8/8", "10.0.0", "::/129", "", "1.2.3.4/x"];
  assertEquals(neither.filter(isNetwork), []);
});
