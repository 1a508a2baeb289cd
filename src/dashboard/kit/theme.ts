/** Dark or light: as the system has it, unless somebody has chosen. */
export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const STORED_AS = 'streamgauge.theme';

/** A browser may keep a page from storing anything: it follows the system then, and a choice holds until it is closed. */
export function storedTheme(): Theme {
  try {
    const stored = localStorage.getItem(STORED_AS);
    return THEMES.find((theme) => theme === stored) ?? 'system';
  } catch {
    return 'system';
  }
}

export function storeTheme(theme: Theme): void {
  try {
    localStorage.setItem(STORED_AS, theme);
  } catch {
    // It is applied all the same.
  }
}

/** The style sheet has the colours of each; charts, which draw them themselves, listen for the event. */
export function applyTheme(theme: Theme): void {
  if (theme === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme;
  dispatchEvent(new Event('themechange'));
}

/** Calls back whenever colours may be others than before. Answers what ends that. */
export function onThemeChange(changed: () => void): () => void {
  const system = matchMedia('(prefers-color-scheme: dark)');
  addEventListener('themechange', changed);
  system.addEventListener('change', changed);
  return () => {
    removeEventListener('themechange', changed);
    system.removeEventListener('change', changed);
  };
}
