/**
 * Mounts the component of svelte_figures.svelte into the page's element `app`.
 *
 * The page is opened with `#url=…&key=…` behind its address.
 */
import { mount } from "svelte";
import { createWeirClient } from "weir-client";
import Figures from "./svelte_figures.svelte";

const link = new URLSearchParams(location.hash.slice(1));
const weir = createWeirClient({ url: link.get("url"), token: link.get("key") });
const live = weir.live({ storeId: link.get("store") ?? undefined });
mount(Figures, { target: document.getElementById("app"), props: { live } });
