/**
 * Networks of the configuration, such as those of the proxies in WEIR_TRUST_PROXY.
 *
 * Tested in tests/server/config/networks_test.ts.
 */
import { BlockList, isIP } from "node:net";

/** True for an address, and for a network such as 10.0.0.0/8. */
export function isNetwork(text: string): boolean {
  return partsOf(text) !== null;
}

/** @param networks each as `isNetwork` allows @returns true for an address of one of them */
export function inNetworks(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const network of networks) {
    const parts = partsOf(network);
    if (parts !== null) list.addSubnet(parts.address, parts.bits, parts.family);
  }
  return (text) => {
    const parts = partsOf(text.replace(/^::ffff:(?=\d+\.)/, "")); // IPv4 on a socket for both
    return parts !== null && list.check(parts.address, parts.family);
  };
}

interface Parts {
  readonly address: string;
  readonly bits: number;
  readonly family: "ipv4" | "ipv6";
}

function partsOf(text: string): Parts | null {
  const [address = "", length, ...rest] = text.split("/");
  const version = isIP(address);
  const most = version === 6 ? 128 : 32;
  const bits = length === undefined ? most : /^\d{1,3}$/.test(length) ? Number(length) : NaN;
  if (version === 0 || rest.length > 0 || !(bits <= most)) return null;
  return { address, bits, family: version === 6 ? "ipv6" : "ipv4" };
}
