import { Kept } from './kept.ts'

/** Light or dark: as chosen before, else as the system is. `onChange` is called after each change. */
export function startTheme(button: HTMLElement, onChange: () => void): void {
  const kept = new Kept('stockpipe-theme', () => localStorage)
  const system = matchMedia('(prefers-color-scheme: dark)')
  const { dataset } = document.documentElement
  const isDark = () => (dataset['theme'] === undefined ? system.matches : dataset['theme'] === 'dark')
  const chosen = kept.read()
  if (chosen === 'light' || chosen === 'dark') dataset['theme'] = chosen
  button.addEventListener('click', () => {
    dataset['theme'] = isDark() ? 'light' : 'dark'
    kept.write(dataset['theme'])
    onChange()
  })
  system.addEventListener('change', onChange)
}
