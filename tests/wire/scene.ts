/**
 * A scene: some exchanges in their order, with an instance, a database and a Redis of their own.
 */
import {
  type InstanceOptions,
  type InstanceTest,
  withInstance,
} from "../support/services/instance.ts";
import { withProxy } from "../support/services/proxied_instance.ts";
import type { WireProxy } from "../support/faults/wire_proxy.ts";
import { type Exchanges, Wire } from "./wire.ts";

export interface Scene {
  readonly name: string;
  /** Plays the scene. @returns the recorded exchanges */
  play(): Promise<Exchanges>;
}

type Play = (wire: Wire, instance: InstanceTest) => Promise<void>;
type PlayWithProxy = (wire: Wire, instance: InstanceTest, proxy: WireProxy) => Promise<void>;

/** A scene with an ordinary instance. */
export function scene(name: string, play: Play, options: InstanceOptions = {}): Scene {
  return {
    name,
    play: async () => {
      let exchanges: Exchanges = {};
      await withInstance(async (instance) => {
        const wire = new Wire(instance.url);
        await play(wire, instance);
        exchanges = wire.exchanges;
      }, options);
      return exchanges;
    },
  };
}

/** A scene whose instance reaches its database through a proxy. */
export function sceneWithProxy(
  name: string,
  play: PlayWithProxy,
  environment: Readonly<Record<string, string>> = {},
): Scene {
  return {
    name,
    play: async () => {
      let exchanges: Exchanges = {};
      await withProxy(async (instance, proxy) => {
        const wire = new Wire(instance.url);
        await play(wire, instance, proxy);
        exchanges = wire.exchanges;
      }, environment);
      return exchanges;
    },
  };
}

/** The scene, played again when the minute turned during it: figures are by minute and by day. */
export function withinOneMinute({ name, play }: Scene): Scene {
  const minute = () => Math.floor(Date.now() / 60_000);
  return {
    name,
    play: async () => {
      for (;;) {
        const before = minute();
        const exchanges = await play();
        if (minute() === before) return exchanges;
      }
    },
  };
}
