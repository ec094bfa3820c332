import type { Store } from "@sluice/store";

const step = 1_000;

/** What the ledger says when everything is counted anew: the balance, `ledger check`, and both rolling recounts once around. */
export async function recountAll(supervision: Store["supervision"], organizationId: string): Promise<string[]> {
  const off: string[] = [];
  const { imbalance, inFlight } = await supervision.ledger(organizationId);
  if (imbalance !== 0) off.push(`imbalance ${imbalance}`);
  if (inFlight !== 0) off.push(`${inFlight} in flight`);
  for (const { finding } of await supervision.checkLedger(organizationId)) off.push(`ledger check: ${finding}`);
  // The supervisor walks too, with the same cursor: whoever comes to the end, all was looked at since the walk before ended.
  for (let ends = 0; ends < 2; ) if ((await supervision.recountStep(step)).finished) ends += 1;
  for (let ends = 0; ends < 2; ) {
    const counted = await supervision.recountTallies();
    if (counted === null) ends += 1;
    else if (Object.keys(counted.off).length > 0) off.push(`miscounted: ${JSON.stringify(counted.off)}`);
  }
  for (const { finding, count } of (await supervision.recountState()).findings)
    off.push(`recount: ${count} ${finding}`);
  return off;
}
