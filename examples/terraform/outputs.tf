output "kubeconfig_command" {
  description = "Writes a kubeconfig for the cluster beside these files."
  value       = local.kubeconfig_command
}

output "deploy_command" {
  description = "Installs or upgrades the pipeline. Leave out --yes to see the plan first."
  value       = local.deploy_command
}
