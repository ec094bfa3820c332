import { setTimeout as sleep } from "node:timers/promises";
import type { Drill } from "./shared/drill.js";
import type { Mood } from "./shared/provider.js";

const moods: Mood[] = [
  "limited",
  "broken",
  "unavailable",
  "hangs",
  "truncates",
  "nonsense",
  "notANumber",
  "tooFew",
  "tooShort",
];

/** The provider of embeddings does all it can do wrong, three times of four, for a while. */
export const providerStorm: Drill = {
  name: "provider-storm",
  async disturb({ provider, corpus, client, random, pause, settled, isShort, figures }) {
    const all = corpus.shipments.flat(2).length;
    provider.behave(() => (random() < 0.75 ? (moods[Math.floor(random() * moods.length)] as Mood) : "well"));
    while (!settled.aborted && client.accepted() < all * 0.9) await sleep(200);
    await pause(isShort ? 20_000 : 90_000);
    provider.behave(null);
    figures.requests = provider.moods;
  },
};
