import type { StackOptions } from "@sluice/local";
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

export interface Preparation {
  /** The drill's own folder, gone when it is over. */
  folder: string;
  isShort: boolean;
  /** What `--from` named. */
  from?: string;
}

export interface Prepared {
  override?: StackOptions["override"];
  /** Where Redis and Supabase keep what they have. */
  dataFolder?: string;
  destroy?(): Promise<void>;
}

/** What a drill needs is not there. */
export class Missing extends Error {}

export interface Drill {
  name: string;
  env?: Record<string, string>;
  /**
   * Before the stack is started: brings what the drill needs, and says what processes are started with, asked by name at each start.
   * Throws a Missing, in words for people, where it can't be had.
   */
  prepare?(context: Preparation): Promise<Prepared>;
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
