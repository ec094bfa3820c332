import {
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  hkdfSync,
  type KeyObject,
  sign,
  verify,
} from "node:crypto";
import { z } from "zod";

/** The end of the chain: how many links it has, and the last one's code. */
export interface ChainHead {
  seq: number;
  mac: string;
}
export const chainStart: ChainHead = { seq: 0, mac: "" };

/** A head as it left the database: whoever holds one can tell whether the chain still leads through it. One a line in an anchor file. */
export const Anchor = z.strictObject({
  v: z.literal(1),
  seq: z.number().int().positive(),
  mac: z.string().regex(/^[0-9a-f]{64}$/),
  at: z.string(),
  /** Of the public key, so that a wrong key is told from a forged anchor. */
  key: z.string(),
  signature: z.string(),
});
export type Anchor = z.infer<typeof Anchor>;

/** PKCS #8 of an Ed25519 private key, up to its 32 bytes. */
const ed25519Prefix = Buffer.from("302e020100300506032b657004220420", "hex");

export interface ChainKeys {
  /** The link that an entry becomes behind `before`. */
  link(before: ChainHead, body: string): ChainHead;
  anchor(head: ChainHead, at: Date): Anchor;
  /** Whether this key made the anchor. */
  signed(anchor: Anchor): boolean;
  fingerprint: string;
}

/** Both keys of the chain, made from one secret that never comes near the database. */
export function chainKeys(secret: string): ChainKeys {
  const derive = (purpose: string) => Buffer.from(hkdfSync("sha256", secret, "", `sluice audit ${purpose}`, 32));
  const macKey = derive("chain");
  const privateKey = createPrivateKey({
    key: Buffer.concat([ed25519Prefix, derive("anchors")]),
    format: "der",
    type: "pkcs8",
  });
  const publicKey = createPublicKey(privateKey as unknown as Parameters<typeof createPublicKey>[0]);
  const fingerprint = fingerprintOf(publicKey);
  const signedText = ({ seq, mac, at }: Omit<Anchor, "signature">) =>
    Buffer.from(JSON.stringify(["sluice audit anchor", 1, seq, mac, at]));
  return {
    fingerprint,
    link({ seq, mac }, body) {
      const text = JSON.stringify([seq + 1, mac, body]);
      return { seq: seq + 1, mac: createHmac("sha256", macKey).update(text).digest("hex") };
    },
    anchor(head, at) {
      const anchor = { v: 1 as const, ...head, at: at.toISOString(), key: fingerprint };
      return { ...anchor, signature: sign(null, signedText(anchor), privateKey).toString("base64") };
    },
    signed: (anchor) => verify(null, signedText(anchor), publicKey, Buffer.from(anchor.signature, "base64")),
  };
}

function fingerprintOf(key: KeyObject): string {
  return createHash("sha256")
    .update(key.export({ format: "der", type: "spki" }))
    .digest("hex")
    .slice(0, 16);
}

/** The anchors of a file. A line that was cut off by a crash is no anchor; `unreadable` counts such lines. */
export function readAnchors(text: string): { anchors: Anchor[]; unreadable: number } {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const anchors = lines.flatMap((line) => {
    try {
      return [Anchor.parse(JSON.parse(line))];
    } catch {
      return [];
    }
  });
  return { anchors, unreadable: lines.length - anchors.length };
}
