const KEY = 'stockpipe-theme'

/** Light or dark: as chosen before, else as the system is. `onChange` is called after each change. */
export function startTheme(button: HTMLElement, onChange: () => void): void {
  const system = matchMedia('(prefers-color-scheme: dark)')
  const { dataset } = document.documentElement
  const isDark = () => (dataset['theme'] === undefined ? system.matches : dataset['theme'] === 'dark')
  const chosen = read()
  if (chosen !== null) dataset['theme'] = chosen
  button.addEventListener('click', () => {
    dataset['theme'] = isDark() ? 'light' : 'dark'
    keep(dataset['theme'])
    onChange()
  })
  system.addEventListener('change', onChange)
}

/** A browser that keeps nothing refuses by throwing; then the choice lasts as long as the page. */
function read(): string | null {
  try {
    return localStorage.getItem(KEY)
  } catch {
    return null
  }
}

function keep(theme: string): void {
  try {
    localStorage.setItem(KEY, theme)
  } catch {
    // As above.
  }
}
