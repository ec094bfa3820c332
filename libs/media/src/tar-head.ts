const blockLength = 512;
const [checksumAt, checksumLength] = [148, 8];

/** Whether the first block is a TAR member's header by its checksum; archives older than `ustar` have no other mark. */
export function isTarHead(head: Uint8Array): boolean {
  if (head.length < blockLength || head[0] === 0) return false;
  const stated = Buffer.from(head.subarray(checksumAt, checksumAt + checksumLength)).toString("latin1");
  const digits = /^[ 0]*([0-7]{1,6})[\0 ]*$/.exec(stated)?.[1];
  if (!digits) return false;
  let sum = checksumLength * 0x20;
  for (let at = 0; at < blockLength; at += 1) {
    if (at < checksumAt || at >= checksumAt + checksumLength) sum += head[at] ?? 0;
  }
  return sum === Number.parseInt(digits, 8);
}
