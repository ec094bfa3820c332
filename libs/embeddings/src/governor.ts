import type { StatedRates } from "./provider.js";

/** An organization's part in a request. */
export interface Share {
  organizationId: string;
  inputs: number;
  tokens: number;
  /** Of the same text twice in it, which is sent once. */
  savedInputs: number;
  savedTokens: number;
}

/** By the minute; none where there is no limit, or none is known. */
export interface Rates {
  requests?: number;
  tokens?: number;
}

/** What all processes that ask a provider know together. Its loss costs pace, nothing else. */
export interface SharedRates {
  /**
   * Room for one request of these shares, taken at once, or how long to wait for it: `waitMs` for all, or `organizations` for some alone. `rates`
   * are what is believed of the provider now, `members` how many processes share it.
   */
  take(shares: readonly Share[]): Promise<{
    waitMs: number;
    organizations: { organizationId: string; waitMs: number }[];
    rates: Rates;
    members: number;
  }>;
  passed(stated: StatedRates): Promise<void>;
  refused(stated: StatedRates & { retryAfterMs?: number }): Promise<void>;
}

/** Nothing: it may leave. */
export interface Pace {
  waitMs: number;
  organizations: ReadonlyMap<string, number>;
}

export interface Governor {
  /** Takes room for a request, or says how long to wait for it. Never throws. */
  take(shares: readonly Share[]): Promise<Pace>;
  passed(stated: StatedRates): void;
  refused(stated: StatedRates & { retryAfterMs?: number }): void;
}

const toleranceMs = 1_000;

/** Spaces what is taken out evenly: the next may come when the one before is paid off (GCRA), a second's worth at once. */
function createSpacing() {
  let next = 0;
  return {
    waitMs: (now: number, perMinute: number | undefined) =>
      perMinute === undefined ? 0 : Math.max(0, next - now - toleranceMs),
    take(now: number, cost: number, perMinute: number | undefined) {
      if (perMinute !== undefined) next = Math.max(next, now) + (cost * 60_000) / perMinute;
    },
  };
}

/**
 * Holds requests to a provider's rate together with all other processes. While what they share is lost, each keeps to its part of what was
 * known last, or of what is configured.
 */
export function createGovernor(shared: SharedRates, configured: Rates): Governor {
  let known = { rates: configured, members: 1 };
  const [requests, tokens] = [createSpacing(), createSpacing()];
  const part = (rate: number | undefined) => (rate === undefined ? undefined : rate / Math.max(1, known.members));

  function takeAlone(shares: readonly Share[]): Pace {
    const now = performance.now();
    const [ofRequests, ofTokens] = [part(known.rates.requests), part(known.rates.tokens)];
    const waitMs = Math.max(requests.waitMs(now, ofRequests), tokens.waitMs(now, ofTokens));
    if (waitMs === 0) {
      requests.take(now, 1, ofRequests);
      tokens.take(
        now,
        shares.reduce((sum, each) => sum + each.tokens, 0),
        ofTokens,
      );
    }
    return { waitMs, organizations: new Map() };
  }

  return {
    async take(shares) {
      try {
        const { waitMs, organizations, ...now } = await shared.take(shares);
        known = now;
        return {
          waitMs,
          organizations: new Map(organizations.map((each) => [each.organizationId, each.waitMs])),
        };
      } catch {
        return takeAlone(shares);
      }
    },
    passed(stated) {
      shared.passed(stated).catch(() => {});
    },
    refused(stated) {
      shared.refused(stated).catch(() => {});
    },
  };
}
