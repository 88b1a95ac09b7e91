locals {
  kubeconfig = "${path.module}/kubeconfig-${var.name}"

  kubeconfig_command = join(" ", [
    "aws eks update-kubeconfig",
    "--region ${var.region} --name ${module.eks.cluster_name}",
    "--alias ${var.name} --kubeconfig ${local.kubeconfig}",
  ])

  deploy_command = join(" ", [
    "stockpipe deploy --yes --profile eks --wait --timeout 20m",
    "--kubeconfig ${local.kubeconfig} --context ${var.name}",
    "--values ${path.module}/values.yaml",
    "--set registry=${var.registry} --set images.stockpipe=stockpipe:${var.stockpipe_version}",
  ])
}

# Terraform makes the cluster, stockpipe what runs in it: it knows what comes after what, waits, and tests the result.
# Secrets are generated in the cluster, so that none is ever in Terraform's state.
resource "terraform_data" "deploy" {
  count = var.deploy ? 1 : 0

  # Once more whenever one of these is another.
  triggers_replace = [
    module.eks.cluster_arn,
    local.deploy_command,
    filesha256("${path.module}/values.yaml"),
  ]

  provisioner "local-exec" {
    command = "${local.kubeconfig_command} && ${local.deploy_command}"
  }

  depends_on = [module.eks, kubernetes_storage_class_v1.gp3]
}
