import encodeQR from 'qr';

/** White modules around a code, which cameras need to find it. */
const quietZone = 2;

/**
 * A QR code in half blocks, two rows per line. Colours are set explicitly, so it is dark on light in a dark terminal
 * too.
 */
export function qrText(text: string): string {
  const rows = encodeQR(text, 'raw', { ecc: 'low', border: quietZone });
  const width = rows[0]?.length ?? 0;
  const isDark = (x: number, y: number): boolean => rows[y]?.[x] ?? false;
  const lines = Array.from({ length: Math.ceil(rows.length / 2) }, (_line, line) => {
    const cells = Array.from({ length: width }, (_cell, x) => {
      const upper = isDark(x, line * 2);
      const lower = isDark(x, line * 2 + 1);
      return upper ? (lower ? '█' : '▀') : lower ? '▄' : ' ';
    });
    return `\x1b[30;107m${cells.join('')}\x1b[0m`;
  });
  return lines.join('\n');
}
