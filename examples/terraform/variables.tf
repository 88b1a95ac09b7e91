variable "region" {
  description = "Where the cluster is made."
  type        = string
}

variable "name" {
  description = "Name of the cluster and of everything that is made for it."
  type        = string
  default     = "stockpipe"
}

variable "kubernetes_version" {
  description = "Version of Kubernetes that EKS offers."
  type        = string
  default     = "1.34"
}

variable "network" {
  description = "Address range of the cluster's network; at least a /18."
  type        = string
  default     = "10.20.0.0/16"
}

variable "api_allowed_from" {
  description = "Who may reach the API of Kubernetes: address ranges, such as that of your office."
  type        = list(string)

  validation {
    condition     = length(var.api_allowed_from) > 0
    error_message = "Without an address range nobody could reach the cluster, stockpipe deploy included."
  }
}

variable "node_type" {
  description = "Machines of the cluster. Kafka, Cassandra and the roles of the profile eks need about 8 CPUs and 32 GiB together."
  type        = string
  default     = "m7i.xlarge"
}

variable "nodes" {
  description = "How many machines; a multiple of the three zones keeps them even."
  type        = number
  default     = 3
}

variable "registry" {
  description = "Registry with the image stockpipe, such as 123456789012.dkr.ecr.eu-central-1.amazonaws.com."
  type        = string
}

variable "stockpipe_version" {
  description = "Tag of the image stockpipe."
  type        = string
  default     = "0.1.0"
}

variable "deploy" {
  description = "Whether terraform apply also runs stockpipe deploy on this machine. Otherwise the output deploy_command says it."
  type        = bool
  default     = false
}
