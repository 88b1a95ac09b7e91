const KEY = 'stockpipe-theme'

const preferred = (): string =>
  localStorage.getItem(KEY) ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')

/** Light or dark: as chosen before, else as the system is. `changed` is called after each switch. */
export function startTheme(button: HTMLElement, changed: () => void): void {
  const root = document.documentElement
  root.dataset['theme'] = preferred()
  button.addEventListener('click', () => {
    root.dataset['theme'] = root.dataset['theme'] === 'dark' ? 'light' : 'dark'
    localStorage.setItem(KEY, root.dataset['theme'])
    changed()
  })
}
