import { at } from './element.ts'

/** Opens the dialog and resolves to what was typed. It cannot be left without: there is nothing to see behind it. */
export function askToken(wasRefused: boolean): Promise<string> {
  const [dialog, input] = [at('access'), at('token')]
  if (!(dialog instanceof HTMLDialogElement) || !(input instanceof HTMLInputElement))
    return Promise.reject(new Error('the page has no dialog for the token'))
  const open = () => dialog.showModal()
  at('refused').hidden = !wasRefused
  dialog.addEventListener('close', open)
  open()
  return new Promise((resolve) => {
    const take = (event: SubmitEvent) => {
      event.preventDefault()
      dialog.removeEventListener('close', open)
      dialog.close()
      resolve(input.value.trim())
      input.value = ''
    }
    dialog.addEventListener('submit', take, { once: true })
  })
}
