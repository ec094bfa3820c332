/** Bands of three hashes each: two texts that share four fifths of their shingles share about half of the bands, unrelated ones none. */
const [bandCount, rows, shingle] = [16, 3, 4];
const seeds = Array.from({ length: bandCount * rows }, (_, i) => mix(0x9e3779b9 * (i + 1)));

function mix(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return mix(h);
}

/**
 * A sketch of a text by MinHash over runs of four words (Broder 1997), in bands: sketches of one patient that have many bands in common are
 * of texts that say nearly the same. Bands are salted with the patient's key, so that they are alike within a patient only.
 */
export function sketch(text: string, patientKey: string): number[] {
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  const least = new Int32Array(seeds.length).fill(0x7fffffff);
  const hashes = words.map(hash);
  for (let at = 0; at === 0 || at + shingle <= hashes.length; at++) {
    let run = 0;
    for (let i = at; i < Math.min(at + shingle, hashes.length); i++) run = mix(Math.imul(run, 31) + (hashes[i] ?? 0));
    for (let i = 0; i < seeds.length; i++) {
      const h = mix(run ^ (seeds[i] ?? 0));
      if (h < (least[i] ?? 0)) least[i] = h;
    }
  }
  const salt = hash(patientKey);
  return Array.from({ length: bandCount }, (_, band) => {
    let value = mix(salt + band);
    for (let i = 0; i < rows; i++) value = mix(Math.imul(value, 31) + (least[band * rows + i] ?? 0));
    return value;
  });
}
