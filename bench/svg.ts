/** What all charts are made of. Lengths in pixels. */

const WIDTH = 760;

const escaped = (content: string) => content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

export const text = (x: number, y: number, content: string, more = ''): string =>
  `<text x="${x}" y="${y}" ${more}>${escaped(content)}</text>`;

export const svg = (height: number, heading: string, parts: readonly string[]): string =>
  [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12" fill="#1f2328">`,
    `<rect width="${WIDTH}" height="${height}" rx="6" fill="#ffffff"/>`,
    text(10, 22, heading, 'font-size="14" font-weight="700"'),
    ...parts,
    '</svg>',
    '',
  ].join('\n');
