/** Text inside the XML documents that GDB reads. */

const ENTITIES: Readonly<Record<string, string>> = { '<': '&lt;', '>': '&gt;', '&': '&amp;', '"': '&quot;' };

/** With the characters that mean something to XML replaced. */
export const escapeXml = (text: string): string =>
  text.replace(/[<>&"]/g, (character) => ENTITIES[character]);
