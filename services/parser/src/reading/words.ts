/** A name from a schema as people would write it: `BodySite` → `Body site`, `file_id` → `File id`, `SPI` stays. */
export function asWords(name: string): string {
  const words = name
    .replace(/[_.-]+/g, " ")
    .trim()
    .replace(/(?<=[a-z\d])[A-Z](?=[a-z])/g, (letter) => ` ${letter.toLowerCase()}`)
    .replace(/(?<=[a-z])(?=[A-Z])/g, " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
