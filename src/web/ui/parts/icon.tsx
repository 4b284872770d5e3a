/** 20 × 20, in the current text colour. */
const paths = {
  plus: 'M10 4v12M4 10h12',
  send: 'M10 16V4M5 9l5-5 5 5',
  stop: 'M6 6h8v8H6z',
  back: 'M12 4l-6 6 6 6',
  close: 'M5 5l10 10M15 5L5 15',
  more: 'M4.500 10h.01M10 10h.01M15.500 10h.01',
  gear: 'M3 6h8M15 6h2M13 4v4M3 14h2M9 14h8M7 12v4',
  search: 'M9 4a5 5 0 1 0 0 10A5 5 0 0 0 9 4M13 13l4 4',
  inbox: 'M3 11l2-7h10l2 7v5H3zM3 11h4l1 2h4l1-2h4',
  terminal: 'M3 4h14v12H3zM6 8l2.500 2L6 12M10.500 12.500H14',
  attach: 'M14 7l-5.500 5.500a1.800 1.800 0 0 0 2.500 2.500L16.500 9.500a3.500 3.500 0 0 0-5-5L6 10a5 5 0 0 0 .5 7',
  down: 'M10 4v12M5 11l5 5 5-5',
  up: 'M10 16V4M5 9l5-5 5 5',
  check: 'M4 10.500l4 4 8-9',
  chevron: 'M7 5l5 5-5 5',
  changes: 'M10 3v8M6 7h8M6 16h8',
  wide: 'M3 10h14M6 6l-4 4 4 4M14 6l4 4-4 4',
  fork: 'M6 3v14M6 13c0-4 8-2 8-7M14 3v3',
  archive: 'M3 5h14v3H3zM4.500 8v8h11V8M8 11h4',
  trash: 'M4 6h12M8 6V4h4v2M5.500 6l.8 10h7.400l.8-10',
  pencil: 'M4 16l.8-3.500L13 4.300l2.700 2.700-8.200 8.200z',
  read: 'M5 3h7l3 3v11H5zM8 9h4M8 12h4',
  tool: 'M12.500 3.500a4 4 0 0 0-3.800 5.300L3.500 14l2.500 2.500 5.200-5.200a4 4 0 0 0 5-5l-2.400 2.400-2.300-.5-.5-2.300 2.400-2.300',
  globe: 'M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14M3 10h14M10 3c-4 4-4 10 0 14 4-4 4-10 0-14',
  agent: 'M10 3v2M5 5h10v8H5zM8 8.500v1M12 8.500v1M3 17c0-2.500 3-4 7-4s7 1.500 7 4',
  plan: 'M4 5l1 1 2-2M4 10.500l1 1 2-2M4 16l1 1 2-2M10 5.500h6M10 11h6M10 16h6',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}

export function Logo() {
  return (
    <svg className="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <path
        className="logo-body"
        d="M6 28V14a10 10 0 0 1 20 0v14l-3.300-2.600L19.300 28 16 25.400 12.700 28l-3.400-2.600z"
      />
      <path className="logo-mark" d="M12.500 13.500 9.500 16l3 2.500M19.500 13.500l3 2.500-3 2.500" />
    </svg>
  );
}
