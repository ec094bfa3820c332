import type { Corpus, DrillFile } from "./documents.js";
import type { Ground } from "./ground.js";
import type { Snapshot } from "./snapshot.js";

export interface Scene extends Ground {
  corpus: Corpus;
  /** The seed's own numbers, 0 ≤ x < 1. */
  random: () => number;
  isShort: boolean;
  /** Aborted when there is nothing left to disturb: all is sent and nothing is in flight, or the drill is over. */
  settled: AbortSignal;
  /** Documents accepted, and of them those in flight (children included). */
  progress(): Promise<{ accepted: number; inFlight: number }>;
  /** Sleeps, but not longer than there is anything to disturb. */
  pause(ms: number): Promise<void>;
  /** Goes into the drill's figures. */
  figures: Record<string, unknown>;
}

export interface Drill {
  name: string;
  env?: Record<string, string>;
  /** On a Redis Cluster. */
  cluster?: boolean;
  /** Documents beside the corpus that the undisturbed run has not seen, with what must become of them. */
  extra?: (seed: number, isShort: boolean) => DrillFile[];
  /** Sends the doomed documents itself. */
  keepsDoomed?: boolean;
  /** Runs beside the client's sending, and returns when the last disturbance is over. */
  disturb(scene: Scene): Promise<void>;
  /** What else must hold; answers what does not. */
  check?(scene: Scene, snapshot: Snapshot, undisturbed: Snapshot): string[];
}
