data "aws_availability_zones" "here" {
  # EKS makes no cluster with a subnet in one of these.
  exclude_zone_ids = ["use1-az3", "usw1-az2", "cac1-az3"]

  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

locals {
  # One Kafka, one Cassandra and a share of the roles in each.
  zones = slice(data.aws_availability_zones.here.names, 0, 3)
}

module "vpc" {
  source  = "terraform-aws-modules/vpc/aws"
  version = "~> 6.0"

  name = var.name
  cidr = var.network

  azs             = local.zones
  private_subnets = [for index, zone in local.zones : cidrsubnet(var.network, 4, index)]
  public_subnets  = [for index, zone in local.zones : cidrsubnet(var.network, 8, index + 48)]

  # One for all zones is cheaper, and the loss of its zone takes the feed along.
  enable_nat_gateway = true
  single_nat_gateway = true

  # How load balancers find their subnets.
  public_subnet_tags  = { "kubernetes.io/role/elb" = "1" }
  private_subnet_tags = { "kubernetes.io/role/internal-elb" = "1" }
}

# The rights of the driver that makes volumes.
module "volumes_identity" {
  source  = "terraform-aws-modules/eks-pod-identity/aws"
  version = "~> 2.0"

  name                      = "${var.name}-ebs-csi"
  attach_aws_ebs_csi_policy = true
}

module "eks" {
  source  = "terraform-aws-modules/eks/aws"
  version = "~> 21.0"

  name               = var.name
  kubernetes_version = var.kubernetes_version

  vpc_id     = module.vpc.vpc_id
  subnet_ids = module.vpc.private_subnets

  endpoint_public_access       = true
  endpoint_public_access_cidrs = var.api_allowed_from

  # Whoever applies this may also deploy.
  enable_cluster_creator_admin_permissions = true

  addons = {
    coredns    = {}
    kube-proxy = {}
    vpc-cni = {
      before_compute = true
      # Without it network policies are accepted and ignored.
      configuration_values = jsonencode({ enableNetworkPolicy = "true" })
    }
    eks-pod-identity-agent = {
      before_compute = true
    }
    # For kubectl top, and for the processor's autoscaling by CPU.
    metrics-server = {}
    aws-ebs-csi-driver = {
      pod_identity_association = [{
        role_arn        = module.volumes_identity.iam_role_arn
        service_account = "ebs-csi-controller-sa"
      }]
    }
  }

  eks_managed_node_groups = {
    pipeline = {
      instance_types = [var.node_type]
      min_size       = var.nodes
      desired_size   = var.nodes
      max_size       = var.nodes * 2
    }
  }
}

# New clusters have no class that works. The profile eks asks for this one by its name.
resource "kubernetes_storage_class_v1" "gp3" {
  metadata {
    name = "gp3"
  }

  storage_provisioner    = "ebs.csi.aws.com"
  reclaim_policy         = "Delete"
  volume_binding_mode    = "WaitForFirstConsumer"
  allow_volume_expansion = true

  parameters = {
    type      = "gp3"
    encrypted = "true"
  }

  depends_on = [module.eks]
}
