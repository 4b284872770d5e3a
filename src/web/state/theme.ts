export const themes = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];

const themeKey = 'boocode.theme';

export function storedTheme(): Theme {
  return themes.find((theme) => theme === localStorage.getItem(themeKey)) ?? 'auto';
}

/** `auto` follows the system. */
export function applyTheme(theme: Theme = storedTheme()): void {
  localStorage.setItem(themeKey, theme);
  document.documentElement.dataset['theme'] = theme;
}

export const isDark = (): boolean => {
  const theme = storedTheme();
  return theme === 'auto' ? matchMedia('(prefers-color-scheme: dark)').matches : theme === 'dark';
};
