import { at } from './element.ts'

/** Opens the dialog and resolves to what was typed. It cannot be left without: there is nothing to see behind it. */
export function askToken(): Promise<string> {
  const [dialog, input] = [at('access'), at('token')]
  if (!(dialog instanceof HTMLDialogElement) || !(input instanceof HTMLInputElement))
    return Promise.reject(new Error('the page has no dialog for the token'))
  dialog.showModal()
  return new Promise((resolve) => {
    dialog.addEventListener('cancel', (event) => event.preventDefault())
    dialog.addEventListener(
      'submit',
      (event) => {
        event.preventDefault()
        dialog.close()
        resolve(input.value.trim())
        input.value = ''
      },
      { once: true },
    )
  })
}
